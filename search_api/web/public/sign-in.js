// Trades what stands behind # in a sign-in link, once, for a session. It is never part of a request's address.

const state = document.querySelector("#state");
const link = location.hash.slice(1);
history.replaceState(null, "", location.pathname); // so that it stays neither in the address bar nor in the history

async function signIn() {
  if (!link) throw new Error("This page signs a browser in by a link that loupe up --lan or loupe keys link prints.");
  const reply = await fetch("/api/v1/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ link }),
  });
  if (!reply.ok) throw new Error((await reply.json()).error.message);
  location.replace("/");
}

signIn().catch((error) => {
  state.textContent = error.message;
});
