import com.amazonaws.ClientConfiguration;
import com.amazonaws.auth.EnvironmentVariableCredentialsProvider;
import com.amazonaws.regions.Regions;
import com.amazonaws.services.kinesis.model.Record;
import com.amazonaws.services.kinesis.model.ShardIteratorType;
import java.io.File;
import java.io.Serializable;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Date;
import java.util.List;
import org.apache.storm.Config;
import org.apache.storm.LocalCluster;
import org.apache.storm.kinesis.spout.ExponentialBackoffRetrier;
import org.apache.storm.kinesis.spout.KinesisConfig;
import org.apache.storm.kinesis.spout.KinesisConnectionInfo;
import org.apache.storm.kinesis.spout.KinesisSpout;
import org.apache.storm.kinesis.spout.RecordToTupleMapper;
import org.apache.storm.kinesis.spout.ZkInfo;
import org.apache.storm.topology.BasicOutputCollector;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.TopologyBuilder;
import org.apache.storm.topology.base.BaseBasicBolt;
import org.apache.storm.tuple.Fields;
import org.apache.storm.tuple.Tuple;
import org.apache.zookeeper.server.NIOServerCnxnFactory;
import org.apache.zookeeper.server.ZooKeeperServer;

/** A topology within this process, whose spout keeps its place in a ZooKeeper of this process. */
public final class Worker {
    public static void main(String[] arguments) throws Exception {
        System.setProperty("com.amazonaws.regions.RegionUtils.fileOverride", System.getenv("CONFIG"));
        var state = new File(System.getenv("FOLDER"), "state");
        var keeper = NIOServerCnxnFactory.createFactory(new InetSocketAddress("127.0.0.1", 0), 60);
        keeper.startup(new ZooKeeperServer(state, state, 2_000));
        var spout = new KinesisSpout(new KinesisConfig(System.getenv("STREAM"), ShardIteratorType.TRIM_HORIZON, new Mapper(),
                new Date(), new ExponentialBackoffRetrier(),
                new ZkInfo("127.0.0.1:" + keeper.getLocalPort(), "/places", 20_000, 15_000, 1_000L, 3, 2_000),
                new KinesisConnectionInfo(new EnvironmentVariableCredentialsProvider(), new ClientConfiguration(),
                        Regions.fromName(System.getenv("AWS_REGION")), 1_000), 10_000L));
        var topology = new TopologyBuilder();
        topology.setSpout("spout", spout, 1);
        topology.setBolt("bolt", new Bolt(), 1).shuffleGrouping("spout");
        var cluster = new LocalCluster();
        cluster.submitTopology("programs", new Config(), topology.createTopology());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            cluster.deactivate("programs"); // The spout notes its place then.
            cluster.shutdown();
        }));
    }

    private static final class Mapper implements RecordToTupleMapper, Serializable {
        @Override
        public Fields getOutputFields() {
            return new Fields("data");
        }

        @Override
        public List<Object> getTuple(Record record) {
            return List.of(record.getData().array());
        }
    }

    private static final class Bolt extends BaseBasicBolt {
        @Override
        public void execute(Tuple tuple, BasicOutputCollector collector) {
            Ledger.records("-", List.of(ByteBuffer.wrap(tuple.getBinary(0))));
        }

        @Override
        public void declareOutputFields(OutputFieldsDeclarer declarer) {}
    }
}
