// One consumer of harlow/kinesis-consumer, which keeps its checkpoints in a table and writes them each second.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	consumer "github.com/harlow/kinesis-consumer"
	"github.com/harlow/kinesis-consumer/store/ddb"
	"millstream/ledger"
)

func main() {
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	endpoint := aws.EndpointResolverFunc(func(_, _ string) (aws.Endpoint, error) {
		return aws.Endpoint{URL: os.Getenv("AWS_ENDPOINT_URL"), SigningRegion: os.Getenv("AWS_REGION")}, nil
	})
	settings := must(config.LoadDefaultConfig(ctx, config.WithEndpointResolver(endpoint)))
	stream, table, tables := os.Getenv("STREAM"), os.Getenv("APPLICATION"), dynamodb.NewFromConfig(settings)
	_, _ = tables.CreateTable(ctx, &dynamodb.CreateTableInput{ // It is there when the program starts again.
		TableName:            &table,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("namespace"), AttributeType: "S"}, {AttributeName: aws.String("shard_id"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("namespace"), KeyType: "HASH"}, {AttributeName: aws.String("shard_id"), KeyType: "RANGE"}},
	})
	store := must(ddb.New("programs", table, ddb.WithDynamoClient(tables), ddb.WithMaxInterval(time.Second)))
	reader := must(consumer.New(stream, consumer.WithClient(kinesis.NewFromConfig(settings)), consumer.WithStore(store),
		consumer.WithShardIteratorType("TRIM_HORIZON"),
		consumer.WithShardClosedHandler(func(_, shard string) error {
			ledger.Tell("end", shard)
			return nil
		})))
	err := reader.Scan(ctx, func(record *consumer.Record) error {
		ledger.Records(record.ShardID, record.Data)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		panic(err)
	}
	if err := store.Shutdown(); err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
