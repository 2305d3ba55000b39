# frozen_string_literal: true

require "acme_shortcode"

module Acme
  # Numbers as short codes: Crockford's base 32 and one check symbol.
  #
  #   Acme::Shortcode.encode(1234)  # => "16JD"
  #   Acme::Shortcode.decode("16jd") # => 1234
  #   Acme::Shortcode.decode("16JE") # => nil: a typing error
  module Shortcode
  end
end
