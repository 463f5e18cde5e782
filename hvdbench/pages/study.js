document.querySelectorAll("table.board").forEach(sortable);
