package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// User is somebody with a password.
type User struct {
	Name, Hash, Role string
	Changed          time.Time // the password or the role
}

// ErrTaken says that there is a user of this name, or that somebody else has it.
var ErrTaken = errors.New("the name is taken")

// AddUser adds a user.
func (d *DB) AddUser(ctx context.Context, u User) error {
	n, err := affected(d.db.ExecContext(ctx, `INSERT INTO user (name, hash, role, changed) SELECT ?1, ?2, ?3, ?4
		WHERE NOT EXISTS (SELECT 1 FROM user WHERE name = ?1) AND NOT EXISTS (SELECT 1 FROM person WHERE name = ?1 AND id <> 'user:' || ?1)`,
		u.Name, u.Hash, u.Role, u.Changed.UnixMilli()))
	if err == nil && n == 0 {
		err = ErrTaken
	}
	return err
}

// User is a user by name. The error is ErrNone if there is none.
func (d *DB) User(ctx context.Context, name string) (User, error) {
	u := User{Name: name}
	var changed int64
	err := d.db.QueryRowContext(ctx, "SELECT hash, role, changed FROM user WHERE name = ?", name).Scan(&u.Hash, &u.Role, &changed)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNone
	}
	u.Changed = time.UnixMilli(changed).UTC()
	return u, err
}

// ChangeUser gives a user another password, another role or both; "" is the one that
// they have. Their sessions end. The error is ErrNone if there is no such user.
func (d *DB) ChangeUser(ctx context.Context, u User) error {
	return d.andEnd(ctx, u.Name, "UPDATE user SET hash = CASE ?2 WHEN '' THEN hash ELSE ?2 END, role = CASE ?3 WHEN '' THEN role ELSE ?3 END, changed = ?4 WHERE name = ?1",
		u.Name, u.Hash, u.Role, u.Changed.UnixMilli())
}

// Rehash gives a user another hash of the same password, unless the password has been
// changed.
func (d *DB) Rehash(ctx context.Context, name, old, hash string) error {
	_, err := d.db.ExecContext(ctx, "UPDATE user SET hash = ? WHERE name = ? AND hash = ?", hash, name, old)
	return err
}

// RemoveUser removes a user, and ends their sessions. The error is ErrNone if there is no
// such user.
func (d *DB) RemoveUser(ctx context.Context, name string) error {
	return d.andEnd(ctx, name, "DELETE FROM user WHERE name = ?", name)
}

// andEnd changes a user and ends their sessions.
func (d *DB) andEnd(ctx context.Context, name, query string, args ...any) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	n, err := affected(tx.ExecContext(ctx, query, args...))
	if err == nil && n == 0 {
		err = ErrNone
	}
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM session WHERE person = 'user:' || ?", name); err != nil {
		return err
	}
	return tx.Commit()
}

// Person is a user, or somebody else who has signed in.
type Person struct {
	ID, Name string
	Role     string    // that a user has, or that somebody else had at the last sign-in
	User     bool      // has a password here
	Last     time.Time // sign-in; zero = never
	Sessions int       // that began or were seen since
}

// Way is how they sign in.
func (p Person) Way() string {
	way, _, _ := strings.Cut(p.ID, ":")
	if way == "user" {
		return Password
	}
	return way
}

// People are all users and all others who have signed in, by name, with their sessions
// that are not over.
func (d *DB) People(ctx context.Context, began, seen time.Time) (all []Person, err error) {
	rows, err := d.db.QueryContext(ctx, `WITH everybody AS (
			SELECT 'user:' || name AS id FROM user UNION SELECT id FROM person)
		SELECT e.id, coalesce(u.name, p.name), coalesce(u.role, p.role), u.name IS NOT NULL, coalesce(p.last, 0),
			(SELECT count(*) FROM session s WHERE s.person = e.id AND s.began >= ?1 AND s.seen >= ?2)
		FROM everybody e LEFT JOIN user u ON 'user:' || u.name = e.id LEFT JOIN person p ON p.id = e.id ORDER BY 2`, began.UnixMilli(), seen.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p Person
		var last int64
		if err := rows.Scan(&p.ID, &p.Name, &p.Role, &p.User, &last, &p.Sessions); err != nil {
			return nil, err
		}
		if last > 0 {
			p.Last = time.UnixMilli(last).UTC()
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// short tells two ids apart that have one name.
func short(id string) string {
	d := sha256.Sum256([]byte(id))
	return hex.EncodeToString(d[:4])
}

// HasUsers reports whether there are users.
func (d *DB) HasUsers(ctx context.Context) (has bool, err error) {
	err = d.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM user)").Scan(&has)
	return has, err
}
