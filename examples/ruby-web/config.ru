# frozen_string_literal: true

require "bundler/setup"
require_relative "lib/links/app"

run Links::App
