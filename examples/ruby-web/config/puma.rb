# frozen_string_literal: true

port Integer(ENV.fetch("PORT", "8080"))
threads 1, Integer(ENV.fetch("THREADS", "5"))
environment "production"
rackup File.expand_path("../config.ru", __dir__)
tag ""
# The first process of a container cannot die of a signal that it sends itself.
raise_exception_on_sigterm false
