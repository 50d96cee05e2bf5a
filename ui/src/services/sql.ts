/** The selects that panels show: built from literals, so that they run in psql as they are. */

/** A text as SQL writes it. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A moment as SQL writes it, so that the select gives what stood on the page then. */
export function moment(ms: number): string {
  return `timestamptz '${new Date(ms).toISOString()}'`;
}

/** A command for a shell that runs a statement in psql on Thor's database. */
export function forShell(statement: string): string {
  return `thor db psql -c "${statement.replace(/[\\"$`]/g, '\\$&')}"`;
}

const WORDS = new Set(
  (
    'select from where order by group having limit join left lateral on and or not is null as ' +
    'with union all desc asc nulls between in case when then else end distinct cross ' +
    'using over partition rows range filter timestamptz interval values exists'
  ).split(' '),
);

/** Split a statement into keywords and the rest, for colouring. */
export function coloured(statement: string): { text: string; isKeyword: boolean }[] {
  return statement
    .split(/('(?:[^']|'')*'|--[^\n]*|\b[a-z]+\b)/i)
    .filter((text) => text !== '')
    .map((text) => ({ text, isKeyword: WORDS.has(text.toLowerCase()) }));
}
