// Package hashivault is a stand-in: no key of a local Sigstore lies in a cloud.
package hashivault
