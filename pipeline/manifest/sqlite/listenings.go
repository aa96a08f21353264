package sqlite

// listenings are who has listened to archived recordings.
const listenings = `
`
