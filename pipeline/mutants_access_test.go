package pipeline

// accessMutations break who gets to the page, and how.
var accessMutations = []mutation{
	{"the page answers under any name", "cmd/vbcvault/web/access/guard.go", "	case !set.hosts[set.host(r)]:", "	case !set.hosts[set.host(r)] && false:", "TestForgedHosts", "./cmd/vbcvault/web"},
	{"a one-time link works twice", "cmd/vbcvault/web/state/people.go", `"DELETE FROM link WHERE digest = ? AND ends > ? RETURNING who"`, `"SELECT who FROM link WHERE digest = ? AND ends > ?"`, "TestOneTimeLink", "./cmd/vbcvault/web"},
	{"a session keeps the token that the browser came with", "cmd/vbcvault/web/access/sessions.go", "	token, digest := secret()\n", "	token, digest := secret()\n	if c, err := r.Cookie(g.cookie(set)); err == nil {\n		token, digest = c.Value, digestOf(c.Value)\n	}\n", "TestForgedCookies", "./cmd/vbcvault/web"},
	{"who is removed stays signed in", "cmd/vbcvault/web/state/people.go", "AND (s.way <> 'password' OR u.name IS NOT NULL)", "", "TestSessionsEndByDecision", "./cmd/vbcvault/web"},
	{"sessions of a user with another role go on", "cmd/vbcvault/web/state/users.go", `	if _, err := tx.ExecContext(ctx, "DELETE FROM session WHERE person = 'user:' || ?", name); err != nil {`, `	if _, err := tx.ExecContext(ctx, "DELETE FROM session WHERE person = 'nobody:' || ?", name); err != nil {`, "TestSessionsEndByDecision", "./cmd/vbcvault/web"},
	{"guesses at once are not counted", "cmd/vbcvault/web/state/failures.go", "		n := counts[i] + 1\n", "		n := counts[i]\n", "TestGuessesAtOnce|TestBruteForce", "./cmd/vbcvault/web"},
	{"strangers lock a user out", "cmd/vbcvault/web/access/signin.go", "	if !known {", "	if true {", "TestStrangersLockNobodyOut", "./cmd/vbcvault/web"},
	{"every proxy is believed", "cmd/vbcvault/web/access/hosts.go", "len(said) > 0 && s.proxies.has(peer(r))", "len(said) > 0", "TestOnlyNamedProxies", "./cmd/vbcvault/web"},
	{"what a client writes of itself is believed", "cmd/vbcvault/web/access/hosts.go", "i >= 0 && named.has(from); i-- {", "i >= 0; i-- {", "TestOnlyNamedProxies", "./cmd/vbcvault/web"},
	{"a sign-in at the provider can be ended by anybody", "cmd/vbcvault/web/access/oidc.go", `	case !ok, subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(b.State)) != 1,`, `	case !ok,`, "TestOIDCIsEndedBy", "./cmd/vbcvault/web"},
	{"an ID token for another sign-in is taken", "cmd/vbcvault/web/access/oidc.go", "	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(b.Nonce)) != 1 {", "	if false {", "TestOIDCRoles", "./cmd/vbcvault/web"},
	{"somebody in more groups has the role of the last", "cmd/vbcvault/web/access/claims.go", "		if has[r.Value] {\n			return r.Role, r.Value, \"\"\n		}\n", "		if has[r.Value] {\n			role, value = r.Role, r.Value\n		}\n	}\n	if role != \"\" {\n		return role, value, \"\"\n", "TestOIDCRoles", "./cmd/vbcvault/web"},
	{"two people have one name in the log", "cmd/vbcvault/web/state/people.go", "		if !taken {", "		if true {", "TestOIDC$", "./cmd/vbcvault/web"},
	{"a path is read in two ways", "cmd/vbcvault/web/access/guard.go", "	case !plainPath(r):", "	case false:", "TestPathTricks", "./cmd/vbcvault/web"},
	{"a broken certificate replaces a good one", "cmd/vbcvault/webtls.go", "	if err != nil {\n		return fmt.Errorf(\"read %s and %s: %w\"", "	if c.pair = &pair; err != nil {\n		return fmt.Errorf(\"read %s and %s: %w\"", "TestPageTakesNewCertificates", "./cmd/vbcvault"},
	{"an open page is answered without encryption", "cmd/vbcvault/config/webfit.go", "	case !local && !encrypted && len(w.Proxies) == 0:", "	case false:", "TestOpenPageIsRefused", "./cmd/vbcvault"},
}
