<?php
// Run inside a PHP base: what a program may expect of it; prints one JSON object.
$wanted = ["ctype", "curl", "dom", "fileinfo", "iconv", "json", "mbstring", "openssl", "pdo",
           "phar", "readline", "simplexml", "tokenizer", "xmlreader", "xmlwriter", "Zend OPcache"];
file_put_contents("/tmp/Grüße-日本.txt", "ok");
$zone = new DateTimeImmutable("2026-07-01 12:00", new DateTimeZone("Europe/Berlin"));
$file = openssl_get_cert_locations()["default_cert_file_env"];
$bundle = file_get_contents(getenv($file));
echo json_encode([
    "version" => PHP_MAJOR_VERSION . "." . PHP_MINOR_VERSION,
    "failed" => array_values(array_filter($wanted, fn($name) => !extension_loaded($name))),
    "ini" => php_ini_loaded_file(),
    "authorities" => substr_count($bundle, "BEGIN CERTIFICATE"),
    "listed" => array_values(array_filter(scandir("/tmp"), fn($n) => str_starts_with($n, "Gr"))),
    "offset" => $zone->format("P"),
    "upper" => mb_strtoupper("grüße"),
    "exposes" => ini_get("expose_php"),
], JSON_UNESCAPED_UNICODE), "\n";
