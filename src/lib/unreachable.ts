/** Codes of Node's errors, in their messages, which suggest that an address is wrong or that nothing listens there. */
export const UNREACHABLE = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/
