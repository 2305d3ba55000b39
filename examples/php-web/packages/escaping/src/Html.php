<?php

declare(strict_types=1);

namespace Acme\Escaping;

/** Text of people, for HTML. */
final class Html
{
    public static function text(string $text): string
    {
        return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML5, 'UTF-8');
    }

    /** Paragraphs, with http and https addresses as links. */
    public static function paragraphs(string $text): string
    {
        $parts = preg_split('/\R{2,}/', trim($text)) ?: [];
        $linked = static fn (string $part): string => preg_replace(
            '~\bhttps?://[^\s<>"\']+~',
            '<a href="$0" rel="nofollow ugc">$0</a>',
            self::text($part),
        ) ?? '';

        return implode("\n", array_map(static fn (string $part): string => '<p>'.$linked($part).'</p>', $parts));
    }
}
