package millstream.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** What the processors of one worker saw, in the order in which they saw it. */
final class Ledger {
    private final Map<String, List<String>> recordsByKey = new TreeMap<>();
    private final List<String> events = new ArrayList<>();

    synchronized void started(String shard) {
        events.add("start " + shard);
    }

    synchronized void came(String key, String text) {
        recordsByKey.computeIfAbsent(key, absent -> new ArrayList<>()).add(text);
    }

    synchronized void ended(String shard) {
        events.add("end " + shard);
    }

    synchronized boolean holds(int rounds, int keys) {
        return recordsByKey.size() == keys
                && recordsByKey.values().stream().allMatch(records -> records.size() >= rounds);
    }

    synchronized Set<String> ended() {
        Set<String> shards = new HashSet<>();
        events.stream()
                .filter(event -> event.startsWith("end "))
                .forEach(event -> shards.add(event.substring("end ".length())));
        return shards;
    }

    synchronized boolean startedAfterEndOf(String parent, String child) {
        int end = events.indexOf("end " + parent);
        return end >= 0 && events.indexOf("start " + child) > end;
    }

    /** A single worker that never failed sees each record once. */
    synchronized void checkEveryKeyCameInOrder(int rounds) {
        recordsByKey.forEach((key, records) -> assertEquals(
                IntStream.range(0, rounds).mapToObj(round -> key + " " + round).toList(), records));
    }

    @Override
    public synchronized String toString() {
        return events + ", records of " + recordsByKey.size() + " keys: "
                + recordsByKey.values().stream().mapToInt(List::size).sum();
    }
}
