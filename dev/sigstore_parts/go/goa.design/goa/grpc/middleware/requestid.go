// Package middleware has the few names for request ids that Fulcio takes from goa.
package middleware

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

const RequestIDMetadataKey = "x-request-id"

type options struct {
	reuse bool
	limit int
}
type Option func(*options)

func UseXRequestIDMetadataOption(reuse bool) Option { return func(o *options) { o.reuse = reuse } }
func XRequestMetadataLimitOption(limit int) Option  { return func(o *options) { o.limit = limit } }

func UnaryRequestID(given ...Option) grpc.UnaryServerInterceptor {
	var o options
	for _, set := range given {
		set(&o)
	}
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		md = md.Copy()
		random := make([]byte, 9)
		_, _ = rand.Read(random)
		id := hex.EncodeToString(random)
		if found := md.Get(RequestIDMetadataKey); o.reuse && len(found) > 0 && found[0] != "" {
			id = found[0]
		}
		if o.limit > 0 && len(id) > o.limit {
			id = id[:o.limit]
		}
		md.Set(RequestIDMetadataKey, id)
		return next(metadata.NewIncomingContext(ctx, md), req)
	}
}
