/* A small HTTP server that says hello: one static file, no library, no shell.
 *
 * server            serve on PORT (8080), answer GET / with GREETING
 * server --health   exit 0 if the server on this machine is well
 *
 * One connection at a time, each with a time limit; a load balancer stands before it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { LARGEST_REQUEST = 4096, LARGEST_GREETING = 1024, SECONDS = 2 };

static volatile sig_atomic_t asked_to_stop = 0;

static void on_signal(int number) {
  (void)number;
  asked_to_stop = 1;
}

static void logged(const char *level, const char *message) {
  printf("{\"level\": \"%s\", \"message\": \"%s\"}\n", level, message);
}

/* PORT as a number, or 0 if it is not a port. */
static in_port_t port(void) {
  const char *given = getenv("PORT");
  if (given == NULL || *given == '\0') return 8080;
  char *end = NULL;
  errno = 0;
  unsigned long number = strtoul(given, &end, 10);
  if (errno != 0 || *end != '\0' || number == 0 || number > 65535) return 0;
  return (in_port_t)number;
}

/* Give up on a peer that is slow. */
static void limit(int connection) {
  struct timeval time = {.tv_sec = SECONDS};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

/* Read until `stop` is seen or the buffer is full; the text ends with a NUL. */
static void receive(int connection, char *text, size_t size, const char *stop) {
  size_t length = 0;
  text[0] = '\0';
  while (length + 1 < size && strstr(text, stop) == NULL) {
    ssize_t got = recv(connection, text + length, size - 1 - length, 0);
    if (got <= 0) return;
    length += (size_t)got;
    text[length] = '\0';
  }
}

static void answer(int connection, const char *status, const char *body) {
  char text[LARGEST_GREETING + 256];
  int length = snprintf(text, sizeof text,
                        "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                        status, strlen(body), body);
  if (length > 0 && (size_t)length < sizeof text)
    send(connection, text, (size_t)length, MSG_NOSIGNAL);
}

static void handle(int connection, const char *greeting) {
  char request[LARGEST_REQUEST];
  limit(connection);
  receive(connection, request, sizeof request, "\r\n\r\n");
  if (strstr(request, "\r\n\r\n") == NULL)
    answer(connection, "400 Bad Request", "bad request\n");
  else if (strncmp(request, "GET /healthz ", 13) == 0)
    answer(connection, "200 OK", "ok\n");
  else if (strncmp(request, "GET / ", 6) == 0)
    answer(connection, "200 OK", greeting);
  else
    answer(connection, "404 Not Found", "not found\n");
}

static int health(in_port_t number) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(number)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return 1;
  limit(connection);
  static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  char text[LARGEST_REQUEST] = "";
  if (connect(connection, (struct sockaddr *)&address, sizeof address) == 0 &&
      send(connection, request, sizeof request - 1, MSG_NOSIGNAL) > 0)
    receive(connection, text, sizeof text, "\r\n");
  close(connection);
  return strncmp(text, "HTTP/1.1 200 ", 13) == 0 ? 0 : 1;
}

static int serve(in_port_t number, const char *greeting) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(number)};
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int yes = 1;
  if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(listener, SOMAXCONN) != 0) {
    logged("error", "cannot listen");
    return 1;
  }
  /* Signals arrive only while ppoll waits, so that none is missed between a look and a wait. */
  sigset_t stopping, none;
  sigemptyset(&none);
  sigemptyset(&stopping);
  sigaddset(&stopping, SIGTERM);
  sigaddset(&stopping, SIGINT);
  sigprocmask(SIG_BLOCK, &stopping, NULL);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  logged("info", "listening");
  struct pollfd waiting = {.fd = listener, .events = POLLIN};
  while (!asked_to_stop) {
    if (ppoll(&waiting, 1, NULL, &none) <= 0) continue;
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) continue;
    handle(connection, greeting);
    close(connection);
  }
  logged("info", "stopped");
  close(listener);
  return 0;
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  in_port_t number = port();
  const char *given = getenv("GREETING");
  if (number == 0) {
    logged("error", "PORT is not a port");
    return 2;
  }
  if (argc == 2 && strcmp(argv[1], "--health") == 0) return health(number);
  if (argc != 1) {
    logged("error", "usage: server [--health]");
    return 2;
  }
  if (given == NULL || *given == '\0') given = "hello";
  if (strlen(given) > LARGEST_GREETING - 2) {
    logged("error", "GREETING is too long");
    return 2;
  }
  char greeting[LARGEST_GREETING];
  snprintf(greeting, sizeof greeting, "%s\n", given);
  return serve(number, greeting);
}
