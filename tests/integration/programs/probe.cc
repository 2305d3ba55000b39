// Built in a C++ builder base and run in the runtime base beside it; prints one JSON object.
#include <netdb.h>
#include <pwd.h>
#include <unistd.h>

#include <clocale>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

int main() {
  int sum = 0;
  std::thread([&] { sum = 42; }).join();
  std::ofstream("/tmp/Grüße-日本.txt") << "ok";
  setenv("TZ", "Europe/Berlin", 1);
  tzset();
  std::time_t when = 1782907200;  // 2026-07-01T12:00:00Z
  char offset[8];
  std::strftime(offset, sizeof offset, "%z", std::localtime(&when));
  const passwd *user = getpwuid(getuid());
  const servent *service = getservbyname("https", "tcp");
  std::cout << "{\"sum\": " << sum << ", \"locale\": \"" << std::setlocale(LC_ALL, "")
            << "\", \"offset\": \"" << offset << "\", \"user\": \"" << (user ? user->pw_name : "")
            << "\", \"service\": " << (service ? ntohs(service->s_port) : 0)
            << ", \"written\": " << std::filesystem::exists("/tmp/Grüße-日本.txt") << "}\n";
}
