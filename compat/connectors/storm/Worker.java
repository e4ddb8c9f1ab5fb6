import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.storm.Config;
import org.apache.storm.LocalCluster;
import org.apache.storm.spout.ShellSpout;
import org.apache.storm.task.OutputCollector;
import org.apache.storm.task.TopologyContext;
import org.apache.storm.topology.IRichSpout;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.TopologyBuilder;
import org.apache.storm.topology.base.BaseRichBolt;
import org.apache.storm.tuple.Fields;
import org.apache.storm.tuple.Tuple;

/**
 * A topology within this process: the spout is the command of the arguments, and a bolt writes down what it acks and fails
 * in the file LEDGER, one write for each, before it does. It fails every tenth tuple when it sees it first, and all of them
 * while the file STALLED is there.
 */
public final class Worker {
    public static void main(String[] command) throws Exception {
        var topology = new TopologyBuilder();
        topology.setSpout("spout", new Spout(command), 2);
        topology.setBolt("bolt", new Bolt(), 2).fieldsGrouping("spout", new Fields("id"));
        var settings = new Config();
        settings.setMaxSpoutPending(1000);
        var cluster = new LocalCluster();
        cluster.submitTopology("numbers", settings, topology.createTopology());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            var status = 0;
            try {
                cluster.close();
            } catch (Exception error) {
                error.printStackTrace();
                status = 1;
            }
            Runtime.getRuntime().halt(status);
        }));
    }

    private static final class Spout extends ShellSpout implements IRichSpout {
        Spout(String[] command) {
            super(command);
            changeChildCWD(false);
        }

        @Override
        public void declareOutputFields(OutputFieldsDeclarer declarer) {
            declarer.declare(new Fields("id", "data"));
        }

        @Override
        public Map<String, Object> getComponentConfiguration() {
            return null;
        }
    }

    private static final class Bolt extends BaseRichBolt {
        private transient OutputCollector collector;
        private transient FileChannel ledger;
        private transient Path stalled;
        private transient Set<String> failed;

        @Override
        public void prepare(Map<String, Object> settings, TopologyContext context, OutputCollector collector) {
            this.collector = collector;
            stalled = Path.of(System.getenv("STALLED"));
            failed = new HashSet<>();
            try {
                ledger = FileChannel.open(
                        Path.of(System.getenv("LEDGER")), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            } catch (IOException error) {
                throw new IllegalStateException(error);
            }
        }

        @Override
        public void execute(Tuple tuple) {
            var id = tuple.getString(0);
            var n = ((Number) ((Map<?, ?>) tuple.getValue(1)).get("n")).longValue();
            if (Files.exists(stalled) || n % 10 == 0 && failed.add(id)) {
                tell("fail", id, n);
                collector.fail(tuple);
            } else {
                tell("ack", id, n);
                collector.ack(tuple);
            }
        }

        private void tell(String what, String id, long n) {
            try {
                ledger.write(ByteBuffer.wrap((what + " " + id + " " + n + "\n").getBytes(StandardCharsets.UTF_8)));
            } catch (IOException error) {
                throw new IllegalStateException(error);
            }
        }

        @Override
        public void declareOutputFields(OutputFieldsDeclarer declarer) {}
    }
}
