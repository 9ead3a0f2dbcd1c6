import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends records with Kafka's own client, in their order, those of one compression that stand together in one batch per partition where
 * they fit.
 *
 * Arguments: brokers, file. Each line of the file is a record: compression.type, topic, partition, timestamp or -, and in base64
 * key and value, then names and values of headers; all separated by spaces.
 */
public class JavaProducer {
  public static void main(String[] args) throws Exception {
    Map<String, KafkaProducer<byte[], byte[]>> producers = new LinkedHashMap<>();
    Base64.Decoder base64 = Base64.getDecoder();
    String compression = null;
    for (String line : Files.readAllLines(Path.of(args[1]))) {
      String[] fields = line.split(" ", -1);
      Long timestamp = fields[3].equals("-") ? null : Long.valueOf(fields[3]);
      ProducerRecord<byte[], byte[]> record =
          new ProducerRecord<>(
              fields[1], Integer.valueOf(fields[2]), timestamp, base64.decode(fields[4]), base64.decode(fields[5]));
      for (int at = 6; at + 1 < fields.length; at += 2) {
        record.headers().add(new String(base64.decode(fields[at]), "UTF-8"), base64.decode(fields[at + 1]));
      }
      if (!fields[0].equals(compression)) {
        // Keep the order of the lines: what the producer of those before holds goes first.
        if (compression != null) producers.get(compression).flush();
        compression = fields[0];
        if (!producers.containsKey(compression)) producers.put(compression, open(args[0], compression));
      }
      producers.get(compression).send(record, (metadata, error) -> {
        if (error != null) {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
        }
      });
    }
    for (KafkaProducer<byte[], byte[]> producer : producers.values()) producer.close();
  }

  private static KafkaProducer<byte[], byte[]> open(String brokers, String compression) {
    Properties settings = new Properties();
    settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, compression);
    settings.put(ProducerConfig.LINGER_MS_CONFIG, 500);
    settings.put(ProducerConfig.BATCH_SIZE_CONFIG, 900_000);
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }
}
