module chainguard.dev/go-grpc-kit
