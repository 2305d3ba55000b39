import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** Run inside a Java base: what a program may expect of it; prints one JSON object. */
public class Probe {
  public static void main(String[] arguments) throws Exception {
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init((java.security.KeyStore) null);
    int authorities = 0;
    for (TrustManager manager : factory.getTrustManagers()) {
      authorities += ((X509TrustManager) manager).getAcceptedIssuers().length;
    }
    Path path = Path.of("/tmp/Gr\u00fc\u00dfe-\u65e5\u672c.txt");
    Files.writeString(path, "ok");
    String offset =
        LocalDateTime.of(2026, 7, 1, 12, 0).atZone(ZoneId.of("Europe/Berlin")).getOffset().toString();
    System.out.printf(
        "{\"version\": \"%d\", \"authorities\": %d, \"written\": %b, \"encoding\": \"%s\","
            + " \"names\": \"%s\", \"offset\": \"%s\", \"user\": \"%s\"}%n",
        Runtime.version().feature(),
        authorities,
        Files.exists(path),
        Charset.defaultCharset(),
        System.getProperty("sun.jnu.encoding"),
        offset,
        System.getProperty("user.name"));
  }
}
