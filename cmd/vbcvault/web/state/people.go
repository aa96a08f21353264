package state

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// people are who signs in, by what, and until when.
const people = `
-- Who has a password here.
CREATE TABLE user (
	name    TEXT PRIMARY KEY,
	hash    TEXT NOT NULL, -- of the password, argon2id
	role    TEXT NOT NULL, -- name
	changed INTEGER NOT NULL
) WITHOUT ROWID;

-- Who has ever signed in. Two people never have one name: it stands in logs.
CREATE TABLE person (
	id     TEXT PRIMARY KEY, -- whatever they are called
	name   TEXT NOT NULL UNIQUE,
	role   TEXT NOT NULL,    -- at the last sign-in
	last   INTEGER NOT NULL  -- sign-in, Unix milliseconds
) WITHOUT ROWID;

CREATE TABLE session (
	digest BLOB PRIMARY KEY, -- of what the cookie holds
	person TEXT NOT NULL,
	way    TEXT NOT NULL,    -- password, link or oidc
	role   TEXT NOT NULL,    -- that the sign-in gave; with a password the user's counts
	claim  TEXT NOT NULL,    -- with oidc: the value that gave it
	began  INTEGER NOT NULL, -- Unix milliseconds
	seen   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_person ON session (person);

-- One-time links that nobody has used yet.
CREATE TABLE link (
	digest BLOB PRIMARY KEY, -- of what the link holds
	who    TEXT NOT NULL,    -- for whom
	ends   INTEGER NOT NULL  -- Unix milliseconds
) WITHOUT ROWID;

-- Passwords that were tried, by user and by address.
CREATE TABLE failure (
	what  TEXT PRIMARY KEY,
	count INTEGER NOT NULL,
	last  INTEGER NOT NULL, -- Unix milliseconds
	until INTEGER NOT NULL  -- nothing is tried before
) WITHOUT ROWID;

-- From where users have signed in with their passwords.
CREATE TABLE known (
	user    TEXT NOT NULL,
	address TEXT NOT NULL,
	last    INTEGER NOT NULL, -- Unix milliseconds
	PRIMARY KEY (user, address)
) WITHOUT ROWID;
`

// remember is how long an address is known from which somebody has signed in.
const remember = 90 * 24 * time.Hour

// ErrNone says that there is no such user, session or link.
var ErrNone = errors.New("there is none")

// Ways of signing in.
const (
	Password = "password"
	Link     = "link"
	OIDC     = "oidc"
)

// Session is a sign-in.
type Session struct {
	Digest []byte // of what the cookie holds
	Person string // id
	Name   string
	Way    string
	Role   string // name; of a user the one that the user has now
	Claim  string
	Began  time.Time
	Seen   time.Time
}

// Begin begins a session, in place of another one if old isn't nil. Its name is changed
// if somebody else has it. With a password the error is ErrNone if the user has another
// one by now, or is gone.
func (d *DB) Begin(ctx context.Context, s *Session, hash string, old []byte) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if s.Way == Password {
		var is bool
		err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM user WHERE 'user:' || name = ? AND hash = ?)", s.Person, hash).Scan(&is)
		if err == nil && !is {
			err = ErrNone
		}
		if err != nil {
			return err
		}
	}
	if s.Name, err = nameOf(ctx, tx, s.Person, s.Name); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO person (id, name, role, last) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, last = excluded.last`, s.Person, s.Name, s.Role, s.Began.UnixMilli()); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM session WHERE digest = ?", old); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO session (digest, person, way, role, claim, began, seen) VALUES (?, ?, ?, ?, ?, ?, ?)",
		s.Digest, s.Person, s.Way, s.Role, s.Claim, s.Began.UnixMilli(), s.Began.UnixMilli()); err != nil {
		return err
	}
	return tx.Commit()
}

// nameOf is a name that nobody else has: neither another person nor, unless it is
// theirs, a user.
func nameOf(ctx context.Context, tx *sql.Tx, id, name string) (string, error) {
	for {
		var taken bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM person WHERE name = ?1 AND id <> ?2)
			OR EXISTS (SELECT 1 FROM user WHERE name = ?1 AND 'user:' || name <> ?2)`, name, id).Scan(&taken); err != nil {
			return "", err
		}
		if !taken {
			return name, nil
		}
		name += " (" + short(id) + ")"
	}
}

// Session is the session that a cookie belongs to. The error is ErrNone if there is none,
// or its user has been removed.
func (d *DB) Session(ctx context.Context, digest []byte) (*Session, error) {
	s := &Session{Digest: digest}
	var began, seen int64
	err := d.db.QueryRowContext(ctx, `SELECT s.person, p.name, s.way, CASE s.way WHEN 'password' THEN u.role ELSE s.role END, s.claim, s.began, s.seen
		FROM session s JOIN person p ON p.id = s.person LEFT JOIN user u ON s.way = 'password' AND 'user:' || u.name = s.person
		WHERE s.digest = ? AND (s.way <> 'password' OR u.name IS NOT NULL)`, digest).Scan(&s.Person, &s.Name, &s.Way, &s.Role, &s.Claim, &began, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNone
	}
	s.Began, s.Seen = time.UnixMilli(began).UTC(), time.UnixMilli(seen).UTC()
	return s, err
}

// Touch writes down that a session has been seen.
func (d *DB) Touch(ctx context.Context, digest []byte, at time.Time) error {
	_, err := d.db.ExecContext(ctx, "UPDATE session SET seen = max(seen, ?) WHERE digest = ?", at.UnixMilli(), digest)
	return err
}

// End ends a session, if there is one.
func (d *DB) End(ctx context.Context, digest []byte) error {
	_, err := d.db.ExecContext(ctx, "DELETE FROM session WHERE digest = ?", digest)
	return err
}

// EndAll ends all sessions of somebody, by id, and says how many there were.
func (d *DB) EndAll(ctx context.Context, person string) (int64, error) {
	return affected(d.db.ExecContext(ctx, "DELETE FROM session WHERE person = ?", person))
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Tidy removes what is over: sessions that began or were seen last before these times,
// links and failures.
func (d *DB) Tidy(ctx context.Context, now, began, seen time.Time) error {
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{"DELETE FROM session WHERE began < ? OR seen < ?", []any{began.UnixMilli(), seen.UnixMilli()}},
		{"DELETE FROM link WHERE ends < ?", []any{now.UnixMilli()}},
		{"DELETE FROM known WHERE last < ? OR user NOT IN (SELECT name FROM user)", []any{now.Add(-remember).UnixMilli()}},
		{"DELETE FROM failure WHERE last < ? AND until < ?", []any{now.Add(-forget).UnixMilli(), now.UnixMilli()}},
	} {
		if _, err := d.db.ExecContext(ctx, q.sql, q.args...); err != nil {
			return err
		}
	}
	return nil
}

// AddLink adds a one-time link.
func (d *DB) AddLink(ctx context.Context, digest []byte, who string, ends time.Time) error {
	_, err := d.db.ExecContext(ctx, "INSERT INTO link (digest, who, ends) VALUES (?, ?, ?)", digest, who, ends.UnixMilli())
	return err
}

// UseLink takes a link that hasn't ended: whoever comes second gets ErrNone. who is for
// whom it was made.
func (d *DB) UseLink(ctx context.Context, digest []byte, now time.Time) (who string, err error) {
	err = d.db.QueryRowContext(ctx, "DELETE FROM link WHERE digest = ? AND ends > ? RETURNING who", digest, now.UnixMilli()).Scan(&who)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNone
	}
	return who, err
}

// HasLink reports whether a link could be used; it stays as it is.
func (d *DB) HasLink(ctx context.Context, digest []byte, now time.Time) (has bool, err error) {
	err = d.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM link WHERE digest = ? AND ends > ?)", digest, now.UnixMilli()).Scan(&has)
	return has, err
}
