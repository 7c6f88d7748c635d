// A second implementation of what the ledger writes: Go's own sumdb/note and sumdb/tlog. Reads claims as JSON from standard
// input and writes for each whether it holds.
package main

import (
	"encoding/json"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type claim struct {
	Kind    string
	Note    string
	VKeys   []string
	Text    string
	Size    int64
	OldSize int64
	Index   int64
	Root    []byte
	OldRoot []byte
	Leaf    []byte
	Proof   [][]byte
	Bundle  []byte
}

func hashOf(bytes []byte) (hash tlog.Hash) {
	copy(hash[:], bytes)
	return hash
}

func verifiersOf(vkeys []string) (note.Verifiers, error) {
	var verifiers []note.Verifier
	for _, vkey := range vkeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, err
		}
		verifiers = append(verifiers, verifier)
	}
	return note.VerifierList(verifiers...), nil
}

func holds(c claim) bool {
	switch c.Kind {
	case "note":
		verifiers, err := verifiersOf(c.VKeys)
		if err != nil {
			return false
		}
		opened, err := note.Open([]byte(c.Note), verifiers)
		return err == nil && opened.Text == c.Text
	case "bundle":
		verifiers, err := verifiersOf(c.VKeys)
		return err == nil && bundleHolds(c.Bundle, verifiers) == nil
	case "inclusion":
		var proof tlog.RecordProof
		for _, hash := range c.Proof {
			proof = append(proof, hashOf(hash))
		}
		return tlog.CheckRecord(proof, c.Size, hashOf(c.Root), c.Index, hashOf(c.Leaf)) == nil
	case "consistency":
		var proof tlog.TreeProof
		for _, hash := range c.Proof {
			proof = append(proof, hashOf(hash))
		}
		return tlog.CheckTree(proof, c.Size, hashOf(c.Root), c.OldSize, hashOf(c.OldRoot)) == nil
	}
	return false
}

func main() {
	var claims []claim
	if err := json.NewDecoder(os.Stdin).Decode(&claims); err != nil {
		panic(err)
	}
	results := make([]bool, len(claims))
	for i, c := range claims {
		results[i] = holds(c)
	}
	json.NewEncoder(os.Stdout).Encode(results)
}
