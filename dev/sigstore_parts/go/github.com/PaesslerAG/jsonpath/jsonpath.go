// Package jsonpath knows plain look-ups like $.a.b: what Fulcio's setting of an issuer's claim needs.
package jsonpath

import (
	"fmt"
	"strings"
)

func Get(path string, value any) (any, error) {
	for _, key := range strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, "$"), "."), ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("jsonpath: no object at %q", key)
		}
		if value, ok = object[key]; !ok {
			return nil, fmt.Errorf("jsonpath: no key %q", key)
		}
	}
	return value, nil
}
