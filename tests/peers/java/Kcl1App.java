// SPDX-License-Identifier: Apache-2.0

import com.amazonaws.auth.AWSCredentialsProvider;
import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDB;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBClientBuilder;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBStreams;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBStreamsClientBuilder;
import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import com.amazonaws.services.dynamodbv2.model.Record;
import com.amazonaws.services.dynamodbv2.streamsadapter.AmazonDynamoDBStreamsAdapterClient;
import com.amazonaws.services.dynamodbv2.streamsadapter.StreamsWorkerFactory;
import com.amazonaws.services.dynamodbv2.streamsadapter.model.RecordAdapter;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.IRecordProcessorCheckpointer;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.v2.IRecordProcessor;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.v2.IShutdownNotificationAware;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.InitialPositionInStream;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.KinesisClientLibConfiguration;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.ShutdownReason;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.Worker;
import com.amazonaws.services.kinesis.clientlibrary.types.InitializationInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ProcessRecordsInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ShutdownInput;
import com.amazonaws.services.kinesis.metrics.impl.NullMetricsFactory;
import java.nio.ByteBuffer;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** An application of the first line of Amazon's Kinesis client with the adapter for DynamoDB Streams. */
final class Kcl1App {
    private Kcl1App() {
    }

    private static void bytes(ByteBuffer buffer, StringBuilder to) {
        byte[] bytes = new byte[buffer.remaining()];

        buffer.duplicate().get(bytes);
        Journal.base64(bytes, to);
    }

    static void put(AttributeValue value, StringBuilder to) {
        if (value.getS() != null) {
            to.append("{\"S\":");
            Journal.quote(value.getS(), to);
        } else if (value.getN() != null) {
            to.append("{\"N\":");
            Journal.quote(value.getN(), to);
        } else if (value.getB() != null) {
            to.append("{\"B\":");
            bytes(value.getB(), to);
        } else if (value.getBOOL() != null) {
            to.append("{\"BOOL\":").append(value.getBOOL());
        } else if (value.getNULL() != null) {
            to.append("{\"NULL\":true");
        } else if (value.getM() != null) {
            to.append("{\"M\":");
            Journal.map(value.getM(), Kcl1App::put, to);
        } else if (value.getL() != null) {
            to.append("{\"L\":");
            Journal.list(value.getL(), Kcl1App::put, to);
        } else if (value.getSS() != null) {
            to.append("{\"SS\":");
            Journal.list(value.getSS(), Journal::quote, to);
        } else if (value.getNS() != null) {
            to.append("{\"NS\":");
            Journal.list(value.getNS(), Journal::quote, to);
        } else if (value.getBS() != null) {
            to.append("{\"BS\":");
            Journal.list(value.getBS(), Kcl1App::bytes, to);
        } else {
            throw new IllegalStateException("a value of unknown type: " + value);
        }
        to.append('}');
    }

    /** Reads one shard. */
    private static final class Processor implements IRecordProcessor, IShutdownNotificationAware {
        private final Journal journal;
        private String shard;

        Processor(Journal journal) {
            this.journal = journal;
        }

        @Override
        public void initialize(InitializationInput input) {
            shard = input.getShardId();
            Journal.say("reading " + shard + " from " + input.getExtendedSequenceNumber().getSequenceNumber());
        }

        @Override
        public void processRecords(ProcessRecordsInput input) {
            try {
                for (com.amazonaws.services.kinesis.model.Record each : input.getRecords()) {
                    Record record = ((RecordAdapter) each).getInternalObject();
                    journal.add(shard, record.getDynamodb().getSequenceNumber(), record.getEventName(),
                            Journal.map(record.getDynamodb().getKeys(), Kcl1App::put),
                            Journal.map(record.getDynamodb().getNewImage(), Kcl1App::put));
                }
            } catch (Exception why) {
                Journal.fail(why); // the client would go on behind these records
            }
            if (!input.getRecords().isEmpty() && journal.due()) {
                checkpoint(input.getCheckpointer());
            }
        }

        @Override
        public void shutdown(ShutdownInput input) {
            if (input.getShutdownReason() != ShutdownReason.TERMINATE) {
                Journal.say("lost " + shard);
            } else if (checkpoint(input.getCheckpointer())) {
                Journal.say("ended " + shard);
            }
        }

        @Override
        public void shutdownRequested(IRecordProcessorCheckpointer checkpointer) {
            checkpoint(checkpointer);
        }

        private boolean checkpoint(IRecordProcessorCheckpointer checkpointer) {
            try {
                checkpointer.checkpoint();
                return true;
            } catch (Exception why) {
                Journal.say("no checkpoint " + shard + ": " + why);
                return false;
            }
        }
    }

    public static void main(String[] words) throws Exception {
        Journal journal = new Journal(words);
        EndpointConfiguration endpoint =
                new EndpointConfiguration(journal.text("endpoint"), journal.text("region"));
        AWSCredentialsProvider credentials = new AWSStaticCredentialsProvider(
                new BasicAWSCredentials(journal.text("access"), journal.text("secret")));
        AmazonDynamoDB tables = AmazonDynamoDBClientBuilder.standard()
                .withCredentials(credentials).withEndpointConfiguration(endpoint).build();
        AmazonDynamoDBStreams streams = AmazonDynamoDBStreamsClientBuilder.standard()
                .withCredentials(credentials).withEndpointConfiguration(endpoint).build();
        // With settings for which a test need not wait long.
        KinesisClientLibConfiguration settings = new KinesisClientLibConfiguration(
                journal.text("application"), journal.text("arn"), credentials, journal.text("worker"))
                .withInitialPositionInStream(InitialPositionInStream.TRIM_HORIZON)
                .withMaxRecords(1000)
                .withRegionName(journal.text("region"))
                .withIdleTimeBetweenReadsInMillis(100)
                .withFailoverTimeMillis(journal.number("failover_ms", 3000))
                .withShardSyncIntervalMillis(1000)
                .withParentShardPollIntervalMillis(500);
        Worker worker = StreamsWorkerFactory.createDynamoDbStreamsWorker(() -> new Processor(journal),
                settings, new AmazonDynamoDBStreamsAdapterClient(streams), tables, new NullMetricsFactory(),
                Executors.newCachedThreadPool());

        Journal.say("started");
        journal.run(new Journal.Consumer() {
            @Override
            public void run() {
                worker.run();
            }

            @Override
            public Future<Boolean> finish() {
                return worker.startGracefulShutdown();
            }

            @Override
            public void shutdown() {
                worker.shutdown();
            }
        });
    }
}
