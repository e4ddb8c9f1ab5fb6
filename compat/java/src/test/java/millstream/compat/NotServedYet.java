package millstream.compat;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.opentest4j.TestAbortedException;
import software.amazon.awssdk.services.kinesis.model.KinesisException;

/** An operation that the server does not know is a skip with its name; the table of operations tells which. */
final class NotServedYet implements TestExecutionExceptionHandler {
    static boolean is(Throwable error) {
        return error instanceof KinesisException refusal
                && "UnknownOperationException".equals(refusal.awsErrorDetails().errorCode());
    }

    @Override
    public void handleTestExecutionException(ExtensionContext context, Throwable error) throws Throwable {
        if (is(error)) {
            throw new TestAbortedException(context.getDisplayName() + ": an operation is not served yet");
        }
        throw error;
    }
}
