import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Consumer;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.messaging.Message;

/** A function that the binder calls with each record; all else stands in application.properties. */
@Configuration
@EnableAutoConfiguration
public class Worker {
    public static void main(String[] arguments) {
        SpringApplication.run(Worker.class, arguments);
    }

    @Bean
    Consumer<Message<byte[]>> tell() {
        return message -> Ledger.records(
                message.getHeaders().get("aws_shard", String.class), List.of(ByteBuffer.wrap(message.getPayload())));
    }
}
