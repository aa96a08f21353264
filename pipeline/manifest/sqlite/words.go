package sqlite

// words finds recordings by what was said.
const words = `
`
