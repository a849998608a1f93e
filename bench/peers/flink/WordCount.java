import java.nio.ByteBuffer;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.CheckpointingMode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Word count on Flink, exactly once, with RocksDB, until it is killed.
 *
 * <p>Arguments: broker, input, output, group, folder of its state, parallelism, checkpoint interval in milliseconds.
 */
public final class WordCount {
  /** A line into its words. */
  public static final class Split implements FlatMapFunction<String, String> {
    @Override
    public void flatMap(String line, Collector<String> out) {
      for (String word : line.split(" ")) {
        out.collect(word);
      }
    }
  }

  /** Every word with the number of times it was seen so far. */
  public static final class Count extends KeyedProcessFunction<String, String, Tuple2<String, Long>> {
    private ValueState<Long> total;

    @Override
    public void open(OpenContext context) {
      total = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Types.LONG));
    }

    @Override
    public void processElement(String word, Context context, Collector<Tuple2<String, Long>> out) throws Exception {
      Long before = total.value();
      long now = before == null ? 1 : before + 1;
      total.update(now);
      out.collect(Tuple2.of(word, now));
    }
  }

  /** Word and count as a record. */
  public static final class Written implements KafkaRecordSerializationSchema<Tuple2<String, Long>> {
    private final String topic;

    Written(String topic) {
      this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Tuple2<String, Long> counted, KafkaSinkContext context, Long time) {
      return new ProducerRecord<>(topic, counted.f0.getBytes(), ByteBuffer.allocate(8).putLong(counted.f1).array());
    }
  }

  public static void main(String[] words) throws Exception {
    int parallelism = Integer.parseInt(words[5]);
    Configuration settings = new Configuration();
    settings.set(StateBackendOptions.STATE_BACKEND, "rocksdb");
    settings.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
    settings.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, "file://" + words[4]);
    settings.set(PipelineOptions.OBJECT_REUSE, true);
    settings.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(256));
    settings.set(TaskManagerOptions.NUM_TASK_SLOTS, parallelism);
    settings.set(RestOptions.BIND_PORT, "0");
    settings.set(RestOptions.BIND_ADDRESS, "127.0.0.1");
    settings.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
    StreamExecutionEnvironment flink = StreamExecutionEnvironment.createLocalEnvironment(parallelism, settings);
    flink.enableCheckpointing(Long.parseLong(words[6]), CheckpointingMode.EXACTLY_ONCE);
    KafkaSource<String> lines =
        KafkaSource.<String>builder()
            .setBootstrapServers(words[0])
            .setTopics(words[1])
            .setGroupId(words[3])
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setValueOnlyDeserializer(new SimpleStringSchema())
            .setProperty("max.poll.records", "5000")
            .setProperty("isolation.level", "read_committed")
            .build();
    KafkaSink<Tuple2<String, Long>> counts =
        KafkaSink.<Tuple2<String, Long>>builder()
            .setBootstrapServers(words[0])
            .setRecordSerializer(new Written(words[2]))
            .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
            .setTransactionalIdPrefix(words[3])
            .setProperty("transaction.timeout.ms", "600000")
            .setProperty("linger.ms", "5")
            .setProperty("batch.size", "1000000")
            .setProperty("buffer.memory", "134217728")
            .build();
    flink
        .fromSource(lines, WatermarkStrategy.noWatermarks(), "lines")
        .flatMap(new Split())
        .returns(Types.STRING)
        .keyBy(word -> word, Types.STRING)
        .process(new Count())
        .returns(Types.TUPLE(Types.STRING, Types.LONG))
        .sinkTo(counts);
    flink.execute("word count");
  }
}
