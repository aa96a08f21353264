package sqlite

// numbers finds calls by the end of a number.
const numbers = `
`
