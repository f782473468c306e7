// What bench-verify-tdx compares with when SV_TDX_PEER names it: go-tdx-guest, which verifies the real quote once for each byte that it is
// sent, collateral and revocation lists included, and answers with a byte. Not built by meson: Go and go-tdx-guest are not among what this
// project needs. In a folder with both:
//
//	go mod init peer && go get github.com/google/go-tdx-guest && go build -o peer peer_tdx.go
package main

import (
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-tdx-guest/pcs"
	"github.com/google/go-tdx-guest/verify"
)

type folder struct{ dir, root string }

func (f folder) read(name string) []byte {
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		panic(err)
	}
	return b
}

func (f folder) chain(header, name string) map[string][]string {
	return map[string][]string{header: {url.QueryEscape(strings.TrimSpace(string(f.read(name))))}}
}

// Get is the server of Intel's, from the folder.
func (f folder) Get(what string) (map[string][]string, []byte, error) {
	switch {
	case strings.Contains(what, "/tcb?"):
		return f.chain(pcs.TcbInfoIssuerChainPhrase, "tcb_info_chain.pem"), f.read("tcb_info.json"), nil
	case strings.Contains(what, "/qe/identity"):
		return f.chain(pcs.SgxQeIdentityIssuerChainPhrase, "qe_identity_chain.pem"), f.read("qe_identity.json"), nil
	case strings.Contains(what, "/pckcrl"):
		return map[string][]string{pcs.SgxPckCrlIssuerChainPhrase: {f.root}}, f.read("pck_crl.der"), nil
	}
	return nil, f.read("root_ca_crl.der"), nil
}

// The PCK's own issuers stand in the quote, after its first certificate. The last is Intel's root; given, so that nothing is logged.
func issuers(quote []byte) (string, *x509.CertPool) {
	text := quote[strings.Index(string(quote), "-----BEGIN CERT"):]
	_, rest := pem.Decode(text)
	ca, rest := pem.Decode(rest)
	root, _ := pem.Decode(rest)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(root))
	return url.QueryEscape(strings.TrimSpace(string(pem.EncodeToMemory(ca)) + string(pem.EncodeToMemory(root)))), roots
}

// usage: peer QUOTE COLLATERAL-FOLDER TIME
func main() {
	quote, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	seconds, _ := strconv.ParseInt(os.Args[3], 10, 64)
	at := time.Unix(seconds, 0)
	chain, roots := issuers(quote)
	options := &verify.Options{CheckRevocations: true, GetCollateral: true, Getter: folder{os.Args[2], chain}, TrustedRoots: roots,
		Now: &verify.TimeSet{PckCertChain: at, TcbInfo: at, QeIdentity: at, PckCrl: at, RootCaCrl: at}}
	order := make([]byte, 1)
	for {
		if n, err := os.Stdin.Read(order); n != 1 || err != nil {
			return
		}
		if err := verify.RawTdxQuote(quote, options); err != nil {
			os.Stderr.WriteString("go-tdx-guest: " + err.Error() + "\n")
			os.Exit(1)
		}
		os.Stdout.Write(order)
	}
}
