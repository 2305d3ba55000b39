package status;

import checks.Check;
import checks.Checks;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Executors;

/**
 * A status page: asks each of TARGETS (NAME=URL, separated by commas) when it is looked at. With
 * the argument --health it asks the running page whether it is well instead.
 */
public final class Status {
  public static void main(String[] arguments) throws IOException {
    int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
    if (arguments.length == 1 && arguments[0].equals("--health")) {
      URI address = URI.create("http://127.0.0.1:" + port + "/healthz");
      HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
      System.exit(connection.getResponseCode() == 200 ? 0 : 1);
    }
    List<Check> checks = Checks.parse(System.getenv().getOrDefault("TARGETS", ""));
    HttpServer server = HttpServer.create(new InetSocketAddress(port), 64);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/healthz", exchange -> answer(exchange, 200, "ok\n"));
    server.createContext("/", exchange -> answer(exchange, 200, page(checks)));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(1)));
    server.start();
    System.out.println("{\"level\": \"info\", \"message\": \"watching " + checks.size() + "\"}");
  }

  private static String page(List<Check> checks) {
    StringBuilder text = new StringBuilder();
    for (Check check : checks) {
      text.append(check.name()).append(": ").append(check.ask() ? "up" : "down").append('\n');
    }
    return text.toString();
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    try (exchange) {
      byte[] body = text.getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
      exchange.sendResponseHeaders(status, body.length);
      exchange.getResponseBody().write(body);
    }
  }
}
