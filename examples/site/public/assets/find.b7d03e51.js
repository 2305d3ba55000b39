const pages = document.querySelectorAll("#pages > li");

document.querySelector("#find").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  for (const page of pages) {
    page.hidden = !page.textContent.toLowerCase().includes(wanted);
  }
});
