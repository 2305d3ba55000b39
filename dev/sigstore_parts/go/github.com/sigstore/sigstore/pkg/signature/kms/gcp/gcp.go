// Package gcp is a stand-in: no key of a local Sigstore lies in a cloud.
package gcp

import (
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/api/option"
)

func WithGoogleAPIClientOption(option.ClientOption) signature.RPCOption { return nil }
