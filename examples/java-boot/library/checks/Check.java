package checks;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;

/** One thing to watch: up if it answers GET with less than 400 within two seconds. */
public record Check(String name, URI address) {
  public boolean ask() {
    try {
      HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
      connection.setConnectTimeout(2000);
      connection.setReadTimeout(2000);
      return connection.getResponseCode() < 400;
    } catch (IOException error) {
      return false;
    }
  }
}
