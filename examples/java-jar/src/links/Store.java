package links;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Codes and where they lead, kept as lines "CODE TAB URL" of a file that only grows. */
final class Store {
  private final Map<String, String> links = new ConcurrentHashMap<>();
  private final Path file;

  private Store(Path file) {
    this.file = file;
  }

  static Store open(Path file) throws IOException {
    Store store = new Store(file);
    if (Files.exists(file)) {
      for (String line : Files.readAllLines(file)) {
        String[] parts = line.split("\t", 2);
        if (parts.length == 2) {
          store.links.put(parts[0], parts[1]);
        }
      }
    }
    return store;
  }

  int size() {
    return links.size();
  }

  String find(String code) {
    return links.get(code);
  }

  /** Return the code of a page; the same page has the same code. */
  synchronized String add(String url) {
    String code = code(url);
    if (links.putIfAbsent(code, url) == null) {
      try {
        Files.writeString(
            file,
            code + "\t" + url + "\n",
            StandardOpenOption.CREATE,
            StandardOpenOption.APPEND,
            StandardOpenOption.SYNC);
      } catch (IOException error) {
        links.remove(code);
        throw new UncheckedIOException(error);
      }
    }
    return code;
  }

  private static String code(String url) {
    try {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(url.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash, 0, 5);
    } catch (NoSuchAlgorithmException error) {
      throw new AssertionError("every Java has SHA-256", error);
    }
  }
}
