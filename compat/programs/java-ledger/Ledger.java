import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Collectors;

/** Tells the runner what a program saw: one write for each call, so that what was told survives kill -9. */
final class Ledger {
    private static final FileChannel FILE = open();
    private static final boolean ONLY_COUNTS = System.getenv("LEDGER_ONLY_COUNTS") != null;

    private Ledger() {}

    private static FileChannel open() {
        try {
            return FileChannel.open(
                    Path.of(System.getenv("LEDGER")), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    /** One of start, checkpoint, end, lost, stop. */
    static void tell(String kind, String shard) {
        write(System.currentTimeMillis() + " " + kind + " " + shard + "\n");
    }

    /** A batch of records of one shard, each by its text. */
    static void records(String shard, List<ByteBuffer> records) {
        String head = System.currentTimeMillis() + " record " + shard + " ";
        if (ONLY_COUNTS) {
            write(System.currentTimeMillis() + " count " + shard + " " + records.size() + "\n");
        } else {
            write(records.stream()
                    .map(data -> head + StandardCharsets.UTF_8.decode(data) + "\n")
                    .collect(Collectors.joining()));
        }
    }

    /** A record that a producer's service took, and after how many attempts. */
    static void put(String shard, String text, String sequenceNumber, int attempts) {
        if (ONLY_COUNTS) {
            return;
        }
        write(System.currentTimeMillis() + " put " + shard + " " + text + " " + sequenceNumber + " " + attempts + "\n");
    }

    private static synchronized void write(String lines) {
        try {
            FILE.write(ByteBuffer.wrap(lines.getBytes(StandardCharsets.UTF_8)));
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }
}
