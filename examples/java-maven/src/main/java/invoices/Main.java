package invoices;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonSyntaxException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/**
 * Adds up invoices. Reads a JSON object a line, {"customer": ..., "amount": ..., "currency": ...},
 * and writes each customer's sums as JSON. Exit code 1 names the line that is no invoice.
 */
public final class Main {
  record Invoice(String customer, BigDecimal amount, String currency) {}

  public static void main(String[] arguments) throws IOException {
    Gson gson = new GsonBuilder().setPrettyPrinting().create();
    Map<String, Map<String, BigDecimal>> sums = new TreeMap<>();
    BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    int number = 0;
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      number++;
      if (line.isBlank()) {
        continue;
      }
      Invoice invoice = read(gson, line);
      if (invoice == null) {
        System.err.println("line " + number + " is no invoice");
        System.exit(1);
      }
      sums.computeIfAbsent(invoice.customer, customer -> new TreeMap<>())
          .merge(invoice.currency, invoice.amount, BigDecimal::add);
    }
    System.out.println(gson.toJson(sums));
  }

  private static Invoice read(Gson gson, String line) {
    try {
      Invoice found = gson.fromJson(line, Invoice.class);
      boolean whole =
          found != null
              && found.customer != null
              && found.amount != null
              && found.currency != null;
      return whole ? found : null;
    } catch (JsonSyntaxException error) {
      return null;
    }
  }
}
