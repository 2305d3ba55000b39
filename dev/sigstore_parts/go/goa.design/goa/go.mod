module goa.design/goa/v3
