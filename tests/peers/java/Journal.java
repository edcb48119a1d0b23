// SPDX-License-Identifier: Apache-2.0

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.LocalTime;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What the applications for both lines of Amazon's client share: options of the form name=value, a file
 * in which each record becomes a line of JSON, and their end, which is graceful.
 */
final class Journal {
    /** A consumer that can be stopped. */
    interface Consumer extends Runnable {
        /** Asks it to finish what it is at; the answer comes when it has. */
        Future<Boolean> finish();

        /** Asks it to end at once, in good order all the same. */
        void shutdown();
    }

    /** Appends the DynamoDB JSON of the value that the caller has. */
    interface Put<T> {
        void put(T value, StringBuilder to);
    }

    final AtomicLong records = new AtomicLong();
    private final Map<String, String> options = new HashMap<>();
    private final OutputStream file;
    private final AtomicBoolean stopping = new AtomicBoolean();
    private final AtomicLong batches = new AtomicLong();

    Journal(String[] words) throws IOException {
        for (String word : words) {
            int at = word.indexOf('=');
            if (at < 0) {
                throw new IllegalArgumentException("not name=value: " + word);
            }
            options.put(word.substring(0, at), word.substring(at + 1));
        }
        file = new FileOutputStream(text("out"), true);
    }

    String text(String name) {
        String value = options.get(name);
        if (value == null) {
            throw new IllegalArgumentException(name + "= is missing");
        }
        return value;
    }

    long number(String name, long otherwise) {
        return options.containsKey(name) ? Long.parseLong(text(name)) : otherwise;
    }

    static void say(String words) {
        System.out.println(LocalTime.now() + " " + words);
        System.out.flush();
    }

    /** Ends the process at once, for a reason that no test expects. */
    static void fail(Exception why) {
        say("failed: " + why);
        Runtime.getRuntime().halt(4);
    }

    /** One line, in the file when this returns; waits as long as a slow receiver would. */
    void add(String shard, String seq, String op, String keys, String image) throws Exception {
        StringBuilder line = new StringBuilder("{\"shard\":");
        quote(shard, line);
        line.append(",\"seq\":");
        quote(seq, line);
        line.append(",\"op\":");
        quote(op, line);
        line.append(",\"keys\":").append(keys).append(",\"new\":").append(image).append("}\n");
        synchronized (file) {
            file.write(line.toString().getBytes(StandardCharsets.UTF_8));
        }
        records.incrementAndGet();
        Thread.sleep(number("delay_ms", 0));
    }

    /** Whether a checkpoint is due after this batch: after each, or after every n-th with every=n. */
    boolean due() {
        return batches.incrementAndGet() % number("every", 1) == 0;
    }

    static void quote(String text, StringBuilder to) {
        to.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                to.append('\\').append(c);
            } else if (c < ' ') {
                to.append(String.format("\\u%04x", (int) c));
            } else {
                to.append(c);
            }
        }
        to.append('"');
    }

    static void base64(byte[] bytes, StringBuilder to) {
        to.append('"').append(Base64.getEncoder().encodeToString(bytes)).append('"');
    }

    static <T> void list(Iterable<T> values, Put<T> put, StringBuilder to) {
        String comma = "";
        to.append('[');
        for (T value : values) {
            to.append(comma);
            put.put(value, to);
            comma = ",";
        }
        to.append(']');
    }

    static <T> void map(Map<String, T> values, Put<T> put, StringBuilder to) {
        String comma = "";
        to.append('{');
        for (Map.Entry<String, T> entry : values.entrySet()) {
            to.append(comma);
            quote(entry.getKey(), to);
            to.append(':');
            put.put(entry.getValue(), to);
            comma = ",";
        }
        to.append('}');
    }

    /** A map as text, "null" for none. */
    static <T> String map(Map<String, T> values, Put<T> put) {
        StringBuilder text = new StringBuilder();
        if (values == null || values.isEmpty()) {
            return "null";
        }
        map(values, put, text);
        return text.toString();
    }

    /** Runs the consumer until SIGTERM, or until it has stop_after records, and ends the process. */
    void run(Consumer consumer) throws Exception {
        Thread thread = new Thread(consumer, "consumer");
        long enough = number("stop_after", Long.MAX_VALUE);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> end(consumer, thread)));
        thread.start();
        while (thread.isAlive() && !stopping.get()) {
            Thread.sleep(20);
            if (records.get() >= enough) {
                System.exit(0); // through the hook
            }
        }
        if (!stopping.get()) {
            say("the consumer ended by itself");
            Runtime.getRuntime().halt(3);
        }
        Thread.sleep(Long.MAX_VALUE); // the hook ends the process
    }

    private void end(Consumer consumer, Thread thread) {
        boolean graceful = false;
        stopping.set(true);
        try {
            try {
                graceful = consumer.finish().get(number("patience_ms", 15000), TimeUnit.MILLISECONDS);
            } catch (TimeoutException why) {
                consumer.shutdown(); // which gives a leader's lock back, if nothing else
                thread.join(20000);
            }
            say("stopped records=" + records.get() + " graceful=" + graceful);
        } catch (Throwable why) {
            say("could not stop: " + why);
        }
        Runtime.getRuntime().halt(graceful ? 0 : 1);
    }
}
