// SPDX-License-Identifier: Apache-2.0

import com.amazonaws.services.dynamodbv2.streamsadapter.AmazonDynamoDBStreamsAdapterClient;
import com.amazonaws.services.dynamodbv2.streamsadapter.StreamsSchedulerFactory;
import com.amazonaws.services.dynamodbv2.streamsadapter.adapter.DynamoDBStreamsClientRecord;
import com.amazonaws.services.dynamodbv2.streamsadapter.model.DynamoDBStreamsProcessRecordsInput;
import com.amazonaws.services.dynamodbv2.streamsadapter.polling.DynamoDBStreamsPollingConfig;
import com.amazonaws.services.dynamodbv2.streamsadapter.processor.DynamoDBStreamsShardRecordProcessor;
import java.net.URI;
import java.util.List;
import java.util.concurrent.Future;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.dynamodb.model.Record;
import software.amazon.awssdk.services.dynamodb.streams.DynamoDbStreamsClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.CoordinatorConfig;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.MetricsConfig;
import software.amazon.kinesis.metrics.MetricsLevel;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.FormerStreamsLeasesDeletionStrategy;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.StreamTracker;
import software.amazon.kinesis.retrieval.RetrievalConfig;

/** An application of the third line of Amazon's Kinesis client with the adapter for DynamoDB Streams. */
final class Kcl3App {
    private Kcl3App() {
    }

    private static void bytes(SdkBytes bytes, StringBuilder to) {
        Journal.base64(bytes.asByteArray(), to);
    }

    static void put(AttributeValue value, StringBuilder to) {
        to.append("{\"").append(value.type() == AttributeValue.Type.NUL ? "NULL" : value.type()).append("\":");
        switch (value.type()) {
            case S -> Journal.quote(value.s(), to);
            case N -> Journal.quote(value.n(), to);
            case B -> bytes(value.b(), to);
            case BOOL -> to.append(value.bool());
            case NUL -> to.append("true");
            case M -> Journal.map(value.m(), Kcl3App::put, to);
            case L -> Journal.list(value.l(), Kcl3App::put, to);
            case SS -> Journal.list(value.ss(), Journal::quote, to);
            case NS -> Journal.list(value.ns(), Journal::quote, to);
            case BS -> Journal.list(value.bs(), Kcl3App::bytes, to);
            default -> throw new IllegalStateException("a value of unknown type: " + value);
        }
        to.append('}');
    }

    /** Reads one shard. */
    private static final class Processor implements DynamoDBStreamsShardRecordProcessor {
        private final Journal journal;
        private String shard;

        Processor(Journal journal) {
            this.journal = journal;
        }

        @Override
        public void initialize(InitializationInput input) {
            shard = input.shardId();
            Journal.say("reading " + shard + " from " + input.extendedSequenceNumber().sequenceNumber());
        }

        @Override
        public void processRecords(DynamoDBStreamsProcessRecordsInput input) {
            try {
                for (DynamoDBStreamsClientRecord each : input.records()) {
                    Record record = each.getRecord();
                    journal.add(shard, record.dynamodb().sequenceNumber(), record.eventNameAsString(),
                            Journal.map(record.dynamodb().keys(), Kcl3App::put),
                            Journal.map(record.dynamodb().newImage(), Kcl3App::put));
                }
            } catch (Exception why) {
                Journal.fail(why); // the client would go on behind these records
            }
            if (!input.records().isEmpty() && journal.due()) {
                checkpoint(input.checkpointer());
            }
        }

        @Override
        public void leaseLost(LeaseLostInput input) {
            Journal.say("lost " + shard);
        }

        @Override
        public void shardEnded(ShardEndedInput input) {
            if (checkpoint(input.checkpointer())) {
                Journal.say("ended " + shard);
            }
        }

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {
            checkpoint(input.checkpointer());
        }

        private boolean checkpoint(RecordProcessorCheckpointer checkpointer) {
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
        URI endpoint = URI.create(journal.text("endpoint"));
        Region region = Region.of(journal.text("region"));
        AwsCredentialsProvider credentials = StaticCredentialsProvider.create(
                AwsBasicCredentials.create(journal.text("access"), journal.text("secret")));
        DynamoDbAsyncClient tables = DynamoDbAsyncClient.builder()
                .credentialsProvider(credentials).region(region).endpointOverride(endpoint).build();
        CloudWatchAsyncClient metrics = CloudWatchAsyncClient.builder() // never called
                .credentialsProvider(credentials).region(region).endpointOverride(endpoint).build();
        AmazonDynamoDBStreamsAdapterClient adapter = new AmazonDynamoDBStreamsAdapterClient(
                DynamoDbStreamsClient.builder()
                        .credentialsProvider(credentials).region(region).endpointOverride(endpoint).build(),
                region);
        StreamTracker tracker = tracker(List.of(journal.text("arn").split(",")));
        ConfigsBuilder configs = new ConfigsBuilder(tracker, journal.text("application"), adapter, tables,
                metrics, journal.text("worker"), () -> new Processor(journal));
        Scheduler scheduler = scheduler(journal, configs, adapter);

        Journal.say("started");
        journal.run(new Journal.Consumer() {
            @Override
            public void run() {
                scheduler.run();
            }

            @Override
            public Future<Boolean> finish() {
                return scheduler.startGracefulShutdown();
            }

            @Override
            public void shutdown() {
                scheduler.shutdown();
            }
        });
    }

    /** One stream, or several, whose leases have keys of another form. */
    private static StreamTracker tracker(List<String> arns) {
        InitialPositionInStreamExtended from =
                InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);

        return arns.size() == 1 ? StreamsSchedulerFactory.createSingleStreamTracker(arns.get(0), from)
                : StreamsSchedulerFactory.createMultiStreamTracker(arns, from,
                        new FormerStreamsLeasesDeletionStrategy.NoLeaseDeletionStrategy());
    }

    /** With settings for which a test need not wait long. */
    private static Scheduler scheduler(Journal journal, ConfigsBuilder configs,
            AmazonDynamoDBStreamsAdapterClient adapter) {
        CoordinatorConfig coordinator = configs.coordinatorConfig();
        LeaseManagementConfig leases = configs.leaseManagementConfig();
        MetricsConfig metrics = configs.metricsConfig();
        RetrievalConfig retrieval = configs.retrievalConfig();
        DynamoDBStreamsPollingConfig polling = new DynamoDBStreamsPollingConfig(adapter);

        polling.maxRecords(1000);
        polling.idleTimeBetweenReadsInMillis(100);
        retrieval.retrievalSpecificConfig(polling);
        metrics.metricsFactory(new NullMetricsFactory()).metricsLevel(MetricsLevel.NONE);
        leases.failoverTimeMillis(journal.number("failover_ms", 3000));
        leases.leaseAssignmentIntervalMillis(1000L);
        leases.shardSyncIntervalMillis(0); // otherwise a minute's sleep at the start
        leases.workerUtilizationAwareAssignmentConfig().disableWorkerMetrics(true);
        coordinator.parentShardPollIntervalMillis(500);
        coordinator.shardConsumerDispatchPollIntervalMillis(100);
        return StreamsSchedulerFactory.createScheduler(configs.checkpointConfig(), coordinator, leases,
                configs.lifecycleConfig(), metrics, configs.processorConfig(), retrieval, adapter);
    }
}
