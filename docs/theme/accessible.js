// What mdBook's template leaves out for people who do not use a mouse.

// What scrolls sideways is reached by keyboard.
for (const element of document.querySelectorAll('pre code, .table-wrapper')) {
    if (element.scrollWidth > element.clientWidth) {
        element.tabIndex = 0;
    }
}
// The button for the table of contents is a label, which says neither that it is a button nor where it is.
document.getElementById('mdbook-sidebar-toggle')?.setAttribute('role', 'button');
document.getElementById('mdbook-menu-bar')?.setAttribute('role', 'banner');
