package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/vbcvault/vbcvault/pipeline/dbfile"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// firstWithHolds is the first format that has holds.
const firstWithHolds = 4

// firstSigned is the first format in which their ends are signed.
const firstSigned = 10

// ReadHolds reads what a manifest at path is about, and all that it knows of holds,
// each making before its end. The manifest is neither locked nor changed, may be in
// use, and may have an older format. One that a run is only just creating, or that
// is bound to no account yet, has none. The error is fs.ErrNotExist (wrapped) if
// there is no file, and ErrNewer (wrapped) if this program is too old to read it.
// An end counts only with the signature of the key that lies beside the manifest, or is
// given; what older formats say, which have none, is taken.
func ReadHolds(ctx context.Context, path string, options ...Option) (b manifest.Binding, texts []manifest.HoldText, err error) {
	if _, err := os.Stat(path); err != nil {
		return b, nil, fmt.Errorf("read the holds of a manifest: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(path, "ro", waitBusy))
	if err == nil {
		b, texts, err = readHolds(ctx, db, keysAt(path, options))
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return manifest.Binding{}, nil, fmt.Errorf("read the holds of manifest %s: %w", path, err)
	}
	return b, texts, nil
}

// keysAt are the keys that may have signed for the manifest at path: what is given, and
// what lies there.
func keysAt(path string, options []Option) receipt.Keys {
	none := func() string { return "" }
	m := Manifest{keyFile: KeyFile(path), givenKey: none}
	if at, err := resolve(path); err == nil {
		m.keyFile = KeyFile(at)
	}
	for _, o := range options {
		o(&m)
	}
	var verifiers []string
	for range 2 {
		if k, err := m.findKey(""); err == nil { // else nothing is signed with it
			verifiers = append(verifiers, k.Verifier())
		}
		m.givenKey = none
	}
	keys, err := receipt.NewKeys(verifiers...)
	if err != nil {
		return receipt.Keys{}
	}
	return keys
}

func readHolds(ctx context.Context, db *sql.DB, keys receipt.Keys) (b manifest.Binding, texts []manifest.HoldText, err error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // all of it at one moment
	if err != nil {
		return b, nil, err
	}
	defer tx.Rollback()
	v, err := dbfile.FormatOf(ctx, tx)
	if err != nil {
		return b, nil, err
	}
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return b, nil, err
	}
	switch {
	case v > format:
		return b, nil, newer(ctx, tx, v)
	case v == 0 && tables > 0:
		return b, nil, errors.New("it is an SQLite database, but not a vbcvault manifest")
	case v == 0:
		return b, nil, nil
	}
	for key, to := range map[string]*string{"account": &b.Account, "destination": &b.Destination, "identity": &b.Identity} {
		err := tx.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", key).Scan(to)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return b, nil, err
		}
	}
	if v < firstWithHolds {
		return b, nil, nil
	}
	texts, err = readTexts(ctx, tx, v >= firstSigned, keys)
	return b, texts, err
}

func readTexts(ctx context.Context, tx *sql.Tx, signs bool, keys receipt.Keys) (texts []manifest.HoldText, err error) {
	columns := "number, digest, made, ended, ''"
	if signs {
		columns = "number, digest, made, ended, signed"
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+columns+" FROM hold ORDER BY number")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var t manifest.HoldText
		var digest, made, ended, signed string
		if err := rows.Scan(&t.Number, &digest, &made, &ended, &signed); err != nil {
			return nil, err
		}
		if t.Hold, err = storage.ParseDigest(digest); err != nil {
			return nil, err
		}
		if made != "" {
			t.Text = []byte(made)
		}
		texts = append(texts, t)
		if ended != "" && (!signs || keys.HoldEnd(t.Hold, storage.SumOf([]byte(ended)), signed)) {
			texts = append(texts, manifest.HoldText{Hold: t.Hold, Ended: true, Text: []byte(ended), Number: t.Number})
		}
	}
	return texts, rows.Err()
}
