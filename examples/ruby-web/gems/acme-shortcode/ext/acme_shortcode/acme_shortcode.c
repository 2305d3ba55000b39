/* Crockford's base 32 (crockford.com/base32.html) with its check symbol: the number modulo 37. */
#include <ruby.h>
#include <string.h>

static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

static VALUE encode(VALUE self, VALUE number) {
  unsigned long long value = NUM2ULL(number);
  char out[16];
  int at = sizeof out;
  out[--at] = symbols[value % 37];
  do {
    out[--at] = symbols[value % 32];
    value /= 32;
  } while (value);
  return rb_str_new(out + at, sizeof out - at);
}

/* People read 0 for O, and 1 for I and L. */
static int value_of(char c) {
  if (c >= 'a' && c <= 'z') c -= 'a' - 'A';
  if (c == 'O') c = '0';
  if (c == 'I' || c == 'L') c = '1';
  const char *found = c ? strchr(symbols, c) : NULL;
  return found ? (int)(found - symbols) : -1;
}

static VALUE decode(VALUE self, VALUE text) {
  const char *from = StringValuePtr(text);
  long length = RSTRING_LEN(text);
  unsigned long long value = 0;
  if (length < 2 || length > 13) return Qnil;
  for (long i = 0; i < length - 1; i++) {
    int digit = value_of(from[i]);
    if (digit < 0 || digit > 31) return Qnil;
    value = value * 32 + digit;
  }
  return value_of(from[length - 1]) == (int)(value % 37) ? ULL2NUM(value) : Qnil;
}

void Init_acme_shortcode(void) {
  VALUE module = rb_define_module_under(rb_define_module("Acme"), "Shortcode");
  rb_define_singleton_method(module, "encode", encode, 1);
  rb_define_singleton_method(module, "decode", decode, 1);
}
