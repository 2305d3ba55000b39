package launch;

import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/**
 * Starts a jar that holds its libraries as jars, on a developer's machine: unpacks it into a
 * temporary directory. It has the place of Spring Boot's own launcher; the image does without.
 */
public final class Launcher {
  private Launcher() {}

  public static void main(String[] arguments) throws Exception {
    Path folder = Files.createTempDirectory("launcher");
    List<URL> path = new ArrayList<>();
    String main;
    URL self = Launcher.class.getProtectionDomain().getCodeSource().getLocation();
    try (JarFile jar = new JarFile(Path.of(self.toURI()).toFile())) {
      main = jar.getManifest().getMainAttributes().getValue("Start-Class");
      Path classes = Files.createDirectories(folder.resolve("BOOT-INF/classes"));
      path.add(classes.toUri().toURL());
      for (JarEntry entry : (Iterable<JarEntry>) jar.stream()::iterator) {
        Path target = folder.resolve(entry.getName()).normalize();
        if (!entry.getName().startsWith("BOOT-INF/") || !target.startsWith(folder)) {
          continue;
        }
        if (entry.isDirectory()) {
          Files.createDirectories(target);
          continue;
        }
        Files.createDirectories(target.getParent());
        try (InputStream content = jar.getInputStream(entry)) {
          Files.copy(content, target);
        }
        if (entry.getName().startsWith("BOOT-INF/lib/")) {
          path.add(target.toUri().toURL());
        }
      }
    }
    URLClassLoader loader = new URLClassLoader(path.toArray(URL[]::new));
    Thread.currentThread().setContextClassLoader(loader);
    loader.loadClass(main).getMethod("main", String[].class).invoke(null, (Object) arguments);
  }
}
