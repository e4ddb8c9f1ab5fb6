// One client of kinsumer, which shares the shards with others by a table; it hands on data alone.
package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/twitchscience/kinsumer"
	"millstream/ledger"
)

func main() {
	settings := session.Must(session.NewSession(aws.NewConfig().WithEndpoint(os.Getenv("AWS_ENDPOINT_URL"))))
	config := kinsumer.NewConfig().WithShardCheckFrequency(time.Second).WithLeaderActionFrequency(time.Second)
	client, err := kinsumer.NewWithSession(
		settings, os.Getenv("STREAM"), os.Getenv("APPLICATION"), os.Getenv("WORKER"), config)
	check(err)
	check(client.CreateRequiredTables())
	check(client.Run())
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM)
	go func() {
		<-stopped
		client.Stop()
	}()
	for {
		data, err := client.Next()
		check(err)
		if data == nil { // It was stopped.
			return
		}
		ledger.Records("-", data)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
