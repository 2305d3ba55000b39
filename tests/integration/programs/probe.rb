# Run inside a Ruby base: what a program may expect of it; prints one JSON object.
require "json"

names = %w[bigdecimal csv date digest erb etc fiddle fileutils io/console json logger net/http
           open3 openssl optparse psych rbconfig ripper securerandom set socket stringio
           tempfile time uri yaml zlib]
failed = names.reject do |name|
  require name
  true
rescue LoadError
  false
end
File.write("/tmp/Grüße-日本.txt", "ok")
ENV["TZ"] = "Europe/Berlin"
bundle = File.read(OpenSSL::X509::DEFAULT_CERT_FILE)
puts JSON.generate(
  version: RUBY_VERSION[/\d+\.\d+/],
  failed: failed,
  authorities: bundle.scan("BEGIN CERTIFICATE").size,
  listed: Dir.children("/tmp").select { |name| name.start_with?("Gr") },
  encoding: Encoding.default_external.name,
  offset: Time.new(2026, 7, 1, 12).strftime("%:z"),
  user: Etc.getlogin || Etc.getpwuid.name
)
