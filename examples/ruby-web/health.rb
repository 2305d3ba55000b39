# frozen_string_literal: true

# Exit code 0 if the service answers: what the image's health check runs.
require "socket"

begin
  port = Integer(ENV.fetch("PORT", "8080"))
  socket = Socket.tcp("127.0.0.1", port, connect_timeout: 2)
  socket.timeout = 2 if socket.respond_to?(:timeout=)
  socket.write("GET /healthz HTTP/1.0\r\n\r\n")
  exit(socket.gets.to_s.include?(" 200 ") ? 0 : 1)
rescue SystemCallError, IOError => e
  warn(e.message)
  exit(1)
end
