# frozen_string_literal: true

require "json"
require "sinatra/base"
require "uri"
require "acme/shortcode"

require_relative "store"

module Links
  # The web service: make a short link, follow it, see how often it was followed.
  class App < Sinatra::Base
    LONGEST = 2048

    set :store, Store.new(ENV.fetch("DATA_DIR", "/data"))
    set :public_url, ENV.fetch("PUBLIC_URL", "http://localhost:8080").delete_suffix("/")
    set :host_authorization, { permitted_hosts: [] }
    disable :show_exceptions, :raise_errors, :static, :logging
    before { content_type :json }

    get "/healthz" do
      answer(status: "ok", links: settings.store.count)
    end

    post "/links" do
      url = JSON.parse(request.body.read(LONGEST * 2).to_s).fetch("url")
      halt 422, answer(error: "url is no http or https address") unless web?(url)
      code = Acme::Shortcode.encode(settings.store.add(url))
      status 201
      answer(code: code, link: "#{settings.public_url}/#{code}")
    rescue JSON::ParserError, KeyError, TypeError
      halt 400, answer(error: 'send {"url": "https://…"}')
    end

    get "/:code/visits" do
      answer(visits: settings.store.visits(number) || halt(404, answer(error: "no such link")))
    end

    get "/:code" do
      redirect settings.store.visit(number) || halt(404, answer(error: "no such link")), 302
    end

    not_found { answer(error: "nothing here") if body.empty? }
    error { answer(error: "that went wrong") }

    private

    # The link's number; a mistyped code is refused before the database is asked.
    def number
      Acme::Shortcode.decode(params["code"]) || halt(404, answer(error: "mistyped"))
    end

    def web?(url)
      return false unless url.is_a?(String) && url.length <= LONGEST

      parsed = URI.parse(url)
      parsed.is_a?(URI::HTTP) && !parsed.host.to_s.empty?
    rescue URI::InvalidURIError
      false
    end

    def answer(**fields)
      JSON.generate(fields)
    end
  end
end
