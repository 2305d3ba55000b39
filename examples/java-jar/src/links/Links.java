package links;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Short links over HTTP. POST /links with {"url": "https://..."} makes one, GET /CODE leads to the
 * page, GET /healthz says whether the service is well. PORT (8080) and DATA_DIR (/data) configure
 * it.
 */
public final class Links {
  private static final Pattern URL = Pattern.compile("\"url\"\\s*:\\s*\"(https?://[^\"\\\\\\s]+)\"");
  private static final int LARGEST = 8192;

  private final Store store;

  private Links(Store store) {
    this.store = store;
  }

  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(System.getenv().getOrDefault("DATA_DIR", "/data"));
    if (!Files.isWritable(folder)) {
      System.err.println("DATA_DIR: cannot write to " + folder);
      System.exit(2);
    }
    Links links = new Links(Store.open(folder.resolve("links.tsv")));
    HttpServer server = HttpServer.create(new InetSocketAddress(port()), 64);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/", links::handle);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(1)));
    server.start();
    System.out.println("{\"level\": \"info\", \"message\": \"listening\"}");
  }

  static int port() {
    return Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      String method = exchange.getRequestMethod();
      if (method.equals("GET") && path.equals("/healthz")) {
        answer(exchange, 200, "{\"status\": \"ok\", \"links\": " + store.size() + "}");
      } else if (method.equals("POST") && path.equals("/links")) {
        add(exchange);
      } else if (method.equals("GET") && store.find(path.substring(1)) != null) {
        exchange.getResponseHeaders().set("Location", store.find(path.substring(1)));
        exchange.sendResponseHeaders(302, -1);
      } else {
        answer(exchange, 404, "{\"error\": \"there is no such link\"}");
      }
    }
  }

  private void add(HttpExchange exchange) throws IOException {
    byte[] body = exchange.getRequestBody().readNBytes(LARGEST);
    Matcher found = URL.matcher(new String(body, StandardCharsets.UTF_8));
    if (!found.find()) {
      answer(exchange, 400, "{\"error\": \"send {\\\"url\\\": \\\"https://...\\\"}\"}");
      return;
    }
    String url = URI.create(found.group(1)).toASCIIString();
    answer(exchange, 201, "{\"code\": \"" + store.add(url) + "\", \"url\": \"" + url + "\"}");
  }

  private static void answer(HttpExchange exchange, int status, String json) throws IOException {
    byte[] body = json.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
  }
}
