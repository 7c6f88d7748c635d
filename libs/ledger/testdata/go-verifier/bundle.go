package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type member struct {
	name  string
	bytes []byte
}

type checkpoint struct {
	size int64
	root tlog.Hash
}

// Whether a bundle of a log's leaves from the first on is what its keys have signed: its archive read by archive/tar, its
// tree built again by tlog, its notes opened by note.
func bundleHolds(bundle []byte, verifiers note.Verifiers) error {
	members, err := membersOf(bundle)
	if err != nil {
		return err
	}
	if err := checkManifest(bundle, members, verifiers); err != nil {
		return err
	}
	end, err := openCheckpoint(members, "checkpoints/end.note", verifiers)
	if err != nil {
		return err
	}
	newest, err := openCheckpoint(members, "checkpoints/newest.note", verifiers)
	if err != nil {
		return err
	}
	var edge struct{ Consistency []string }
	if err := json.Unmarshal(find(members, "edge.json"), &edge); err != nil {
		return err
	}
	proof := tlog.TreeProof(hashesOf(edge.Consistency))
	if err := tlog.CheckTree(proof, newest.size, newest.root, end.size, end.root); err != nil {
		return err
	}
	if err := checkLeaves(members, end); err != nil {
		return err
	}
	return checkTombstones(find(members, "tombstones.ndjson"), newest)
}

func membersOf(bundle []byte) (members []member, err error) {
	reader := tar.NewReader(bytes.NewReader(bundle))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return members, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			return nil, err
		}
		members = append(members, member{header.Name, content})
	}
}

func find(members []member, name string) []byte {
	for _, one := range members {
		if one.name == name {
			return one.bytes
		}
	}
	return nil
}

func checkManifest(bundle []byte, members []member, verifiers note.Verifiers) error {
	opened, err := note.Open(find(members, "manifest.note"), verifiers)
	if err != nil {
		return err
	}
	lines := strings.Split(opened.Text, "\n")
	length, err := strconv.Atoi(lines[2])
	if err != nil || length > len(bundle) {
		return fmt.Errorf("manifest of %s bytes", lines[2])
	}
	hash := sha256.Sum256(bundle[:length])
	if lines[0] != "loom/bundle/v1" || lines[3] != base64.StdEncoding.EncodeToString(hash[:]) {
		return fmt.Errorf("manifest of another bundle")
	}
	return nil
}

func openCheckpoint(members []member, name string, verifiers note.Verifiers) (found checkpoint, err error) {
	opened, err := note.Open(find(members, name), verifiers)
	if err != nil {
		return found, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[3], "sealed ") {
		return found, fmt.Errorf("%s is no sealed checkpoint", name)
	}
	if found.size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return found, err
	}
	found.root, err = tlog.ParseHash(lines[2])
	return found, err
}

func checkLeaves(members []member, end checkpoint) error {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	count := int64(0)
	for _, one := range members {
		if !strings.HasPrefix(one.name, "leaves/") {
			continue
		}
		for _, line := range strings.SplitAfter(string(one.bytes), "\n") {
			if line == "" {
				continue
			}
			hashes, err := tlog.StoredHashes(count, []byte(strings.TrimSuffix(line, "\n")), reader)
			if err != nil {
				return err
			}
			stored = append(stored, hashes...)
			count++
		}
	}
	root, err := tlog.TreeHash(count, reader)
	if err != nil {
		return err
	}
	if count != end.size || root != end.root {
		return fmt.Errorf("%d leaves are not the log of %d", count, end.size)
	}
	return nil
}

func checkTombstones(lines []byte, newest checkpoint) error {
	for _, line := range strings.Fields(string(lines)) {
		var tombstone struct {
			Index    int64
			Envelope string
			Proof    []string
		}
		if err := json.Unmarshal([]byte(line), &tombstone); err != nil {
			return err
		}
		leaf := tlog.RecordHash([]byte(tombstone.Envelope))
		proof := tlog.RecordProof(hashesOf(tombstone.Proof))
		if err := tlog.CheckRecord(proof, newest.size, newest.root, tombstone.Index, leaf); err != nil {
			return err
		}
	}
	return nil
}

func hashesOf(texts []string) (hashes []tlog.Hash) {
	for _, text := range texts {
		bytes, _ := hex.DecodeString(text)
		hashes = append(hashes, hashOf(bytes))
	}
	return hashes
}
