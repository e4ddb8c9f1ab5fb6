// One worker of VMware's KCL in Go, with lease stealing and quick intervals: by itself it takes one shard a minute.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	kcl "github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
	"millstream/ledger"
)

type processor struct{ shard string }

func (p *processor) CreateProcessor() kcl.IRecordProcessor { return &processor{} }

func (p *processor) Initialize(input *kcl.InitializationInput) {
	p.shard = input.ShardId
	ledger.Tell("start", p.shard)
}

func (p *processor) ProcessRecords(input *kcl.ProcessRecordsInput) {
	var texts [][]byte
	for _, record := range input.Records {
		texts = append(texts, record.Data)
	}
	ledger.Records(p.shard, texts...)
	p.checkpoint(input.Checkpointer, input.Records[len(input.Records)-1].SequenceNumber)
}

func (p *processor) Shutdown(input *kcl.ShutdownInput) {
	switch {
	case input.ShutdownReason == kcl.TERMINATE && p.checkpoint(input.Checkpointer, nil):
		ledger.Tell("end", p.shard)
	case input.ShutdownReason == kcl.REQUESTED:
		ledger.Tell("stop", p.shard)
	default:
		ledger.Tell("lost", p.shard)
	}
}

func (p *processor) checkpoint(checkpointer kcl.IRecordProcessorCheckpointer, sequenceNumber *string) bool {
	if err := checkpointer.Checkpoint(sequenceNumber); err != nil {
		return false // The lease is gone.
	}
	ledger.Tell("checkpoint", p.shard)
	return true
}

func main() {
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	settings := config.NewKinesisClientLibConfig(
		os.Getenv("APPLICATION"), os.Getenv("STREAM"), os.Getenv("AWS_REGION"), os.Getenv("WORKER")).
		WithKinesisEndpoint(endpoint).
		WithDynamoDBEndpoint(endpoint).
		WithInitialPositionInStream(config.TRIM_HORIZON).
		WithShardSyncIntervalMillis(1000).
		WithLeaseStealing(true).
		WithLeaseStealingIntervalMillis(2000).
		WithLeaseSyncingIntervalMillis(2000).
		WithEnhancedFanOutConsumer(os.Getenv("RETRIEVAL") == "fan-out")
	running := worker.NewWorker(&processor{}, settings)
	if err := running.Start(); err != nil {
		panic(err)
	}
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM)
	<-stopped
	running.Shutdown()
}
