package links;

import java.net.HttpURLConnection;
import java.net.URI;

/** Asks the running service whether it is well: exit code 0 if it is. An image has no shell. */
public final class Health {
  public static void main(String[] arguments) {
    int status = 0;
    try {
      URI address = URI.create("http://127.0.0.1:" + Links.port() + "/healthz");
      HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
      connection.setConnectTimeout(2000);
      connection.setReadTimeout(2000);
      status = connection.getResponseCode();
    } catch (Exception error) {
      System.err.println(error);
    }
    System.exit(status == 200 ? 0 : 1);
  }
}
