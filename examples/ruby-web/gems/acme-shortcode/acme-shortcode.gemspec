# frozen_string_literal: true

Gem::Specification.new do |spec|
  spec.name = "acme-shortcode"
  spec.version = "1.2.0"
  spec.summary = "Short codes for numbers, with a check symbol that catches typing errors"
  spec.authors = ["Acme Platform"]
  spec.license = "Apache-2.0"
  spec.required_ruby_version = ">= 3.1"
  spec.files = Dir["lib/**/*.rb", "ext/**/*.{c,rb}"].sort
  spec.extensions = ["ext/acme_shortcode/extconf.rb"]
end
