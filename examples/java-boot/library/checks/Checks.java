package checks;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;

/** Reads what is to be watched. */
public final class Checks {
  private Checks() {}

  /** Read NAME=URL, separated by commas; IllegalArgumentException if it is not that. */
  public static List<Check> parse(String text) {
    List<Check> found = new ArrayList<>();
    for (String part : text.split(",")) {
      int at = part.indexOf('=');
      if (part.isBlank()) {
        continue;
      }
      if (at < 1) {
        throw new IllegalArgumentException(part + " is not NAME=URL");
      }
      found.add(new Check(part.substring(0, at), URI.create(part.substring(at + 1))));
    }
    return List.copyOf(found);
  }
}
